"""The families of scores, one file each; every file here is found by itself."""
