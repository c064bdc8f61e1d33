"""The command line: `vestec`, one module a noun, loaded when it is used.

`main` is the entry point; `options`, `output` and `session` are what all commands share.
"""
