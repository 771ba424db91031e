"""The compiled part of making records (docs/decisions/0006): packets in order into frames, places and clusters.

The Python code beside it is the reference and does all else; without a compiler it does everything.
"""
