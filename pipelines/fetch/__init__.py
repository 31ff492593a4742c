"""Open data from the network to data/raw: the one room that may speak to the outside, and only when asked to.

`http` is the only module that imports requests; `download` brings one file whole or not at all; `checks` looks
whether it is unharmed; `kept` remembers beside the file what it was. A module a source stands on them.
"""
