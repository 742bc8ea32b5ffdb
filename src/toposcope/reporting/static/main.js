// Start: draw every figure once, then wait for the reader.
"use strict";
(() => {
  toposcope.start();
  const button = document.getElementById("copy");
  const commands = document.getElementById("commands");
  button.hidden = false;
  button.addEventListener("click", async () => {
    const range = document.createRange();
    range.selectNodeContents(commands);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    const status = document.getElementById("copied");
    // Browsers may forbid the clipboard to a local file: the text is selected either way.
    try {
      await navigator.clipboard.writeText(commands.textContent);
      status.textContent = "Copied.";
    } catch {
      status.textContent = "Selected; copy it with Ctrl-C.";
    }
  });
  document.documentElement.dataset.ready = "true";
})();
