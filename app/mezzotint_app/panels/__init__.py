"""The panels of the window, one dock a file; each takes the `AppState` and knows no other panel."""
