"""Scans of kind `classification`: a language model suggests labels for data elements."""
