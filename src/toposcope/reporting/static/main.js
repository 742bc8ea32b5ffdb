// Start: draw every figure once, then wait for the reader.
"use strict";
(() => {
  toposcope.start();
  toposcope.copying();
  document.documentElement.dataset.ready = "true";
})();
