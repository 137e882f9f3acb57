"""What an audit is made from, and how its result is shown."""
