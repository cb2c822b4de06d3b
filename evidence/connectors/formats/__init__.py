"""Files of evaluation tools: one module per format, recognised by content, read into runs with their cases."""
