"""The languages of batch systems, a small module or package each."""
