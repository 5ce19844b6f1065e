complete -c incus-backup -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup -s V -l version -d 'Print version'
