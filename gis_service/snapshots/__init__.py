"""The grid as files of arrays, so that a start maps what it would otherwise read and build.

Counties one file each, and one more for the network stitched of them. Every file says what it was made of and
carries checksums; what does not fit or is damaged is made again. Knows arrays and files, no database.
"""
