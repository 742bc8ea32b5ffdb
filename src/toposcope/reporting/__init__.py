"""One self-contained HTML file about one or several analyses: see `build.report`."""
