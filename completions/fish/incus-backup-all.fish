complete --keep-order --exclusive --command incus-backup-all --arguments "(COMPLETE=fish incus-backup-all -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
