"""Two customers that are one: merged with a journal, taken back, taken apart. `merge`, `undo` and `split` are the verbs."""
