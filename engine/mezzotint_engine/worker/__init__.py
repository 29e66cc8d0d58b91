"""The process that holds torch and runs one job at a time; the server starts, watches and may kill it."""
