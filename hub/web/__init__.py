"""Pages, the API and the hooks: the only place that knows HTTP."""
