"""The scan `classification`: data elements, and what a language model suggests they are. Pure."""
