"""The report: rows of the benchmark, read, sorted into curves, compared, and written as a page, a table or a plot."""
