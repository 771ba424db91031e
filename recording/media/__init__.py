"""From stored packets to playable files: order, depacketise, align, write WebM.  Nothing is decoded but for peaks."""
