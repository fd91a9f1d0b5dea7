"""The numbers behind every picture: no drawing library, one picture a file.

A picture's function takes a run, its scores or its clusters and gives a frozen value whose arrays
and tables are what is drawn. Accounts stand in them as codes of ``clusters.all_accounts``: who
draws puts in the labels, or pseudonyms for them. Times are microseconds (UTC).
"""
