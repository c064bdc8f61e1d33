"""The managers: for each context a pure core (state, decide, evolve) and hands that act.

`managers.runtime` is the one shell around all of them. Nothing here knows the web, a shell or a
workflow's code: those are handed in as ports by the composition root.
"""
