"""Configuration: `config.yaml` read, bounded, checked, with a line for every complaint.

problems   what is wrong, and where
document   YAML as data that remembers its lines; `${ENV}`
values     the kinds of value: dollars, sizes, names
models     every key
rules      what several values must be together
load       all of it
reference  the manual, `docs/configuration.md`, from the models
"""
