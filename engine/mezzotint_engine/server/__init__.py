"""The engine server: sockets, the durable queue, the run store, its workers. Knows neither torch nor Qt."""
