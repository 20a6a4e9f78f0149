"""Electronic invoices, read into one plain payload for all formats; pure, and hostile files end in a `ShapeError`."""
