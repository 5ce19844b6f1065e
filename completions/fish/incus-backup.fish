complete --keep-order --exclusive --command incus-backup --arguments "(COMPLETE=fish incus-backup -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
