"""The search for clusters in a log, by a configuration and at one level of error."""
