"""Microphones and cameras made of files, and instruments that recognise them again."""
