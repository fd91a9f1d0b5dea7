"""The log of actions: who acted on what and when, encoded once, never changed."""
