"""Work in processes of its own that are kept: C libraries fed by strangers, away from who serves.

pool     the parent's side: few children, jobs as lines, every wait bounded
child    the child's side: confined, dies with its parent, answers line by line
"""
