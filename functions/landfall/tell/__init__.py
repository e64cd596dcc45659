"""Send word to people: the channels, their formats, and one attempt to send a message."""
