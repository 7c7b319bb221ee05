"""Sources of data, one file each: fetch, verify, read."""
