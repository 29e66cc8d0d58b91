"""How things look: themes, icons, the style sheet and small widgets of general use."""
