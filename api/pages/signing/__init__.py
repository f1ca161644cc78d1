"""What a browser does between two sessions: a form that was sent after its session had ended keeps what was typed."""
