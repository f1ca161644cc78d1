"""What a table and a document are: typed frames, strict documents, years, identities and whole files."""
