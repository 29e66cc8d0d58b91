"""The engine server: sockets, the durable queue, the run store and its workers. Knows neither torch nor Qt."""
