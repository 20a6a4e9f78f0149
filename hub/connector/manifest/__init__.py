"""Systems that a document describes instead of code: address, access, listings, paging, limits. See connectors/manifest/README.md."""
