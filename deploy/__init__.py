"""The composition root: settings, storage, and the parts put together. It knows all the others."""
