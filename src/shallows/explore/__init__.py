"""The explorer: a page in the browser on which predictions follow sliders."""
