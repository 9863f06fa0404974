"""`bitacora bench`: this product beside what a user would pick instead, on the user's own machine.

One file is one row of the table: what is measured, against whom, and the bars. `peers` holds the others, each written
as a fair user of it would write it.
"""
