"""Ways in and out: the command line, exports, pages and the web service. No arithmetic lives here."""
