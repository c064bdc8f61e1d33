"""What the process that owns a machine does there: the hands of the Machine Interface."""
