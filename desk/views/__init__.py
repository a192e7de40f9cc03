"""The desk's pages: function views that load, make one read model and render."""
