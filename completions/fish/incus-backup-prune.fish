complete -c incus-backup-prune -l type -d 'Only this kind: instance, volume, bucket, image or config' -r
complete -c incus-backup-prune -l project -d 'Only this project [default: all]' -r
complete -c incus-backup-prune -l from -d 'The source: the server whose backups are meant [default: the remote\'s own]' -r
complete -c incus-backup-prune -l keep-last -d 'Keep the newest N versions; N may be `unlimited` here and below' -r
complete -c incus-backup-prune -l keep-hourly -d 'Keep one version of each of the newest N hours that have any' -r
complete -c incus-backup-prune -l keep-daily -d 'Keep one version of each of the newest N days that have any' -r
complete -c incus-backup-prune -l keep-weekly -d 'Keep one version of each of the newest N weeks that have any' -r
complete -c incus-backup-prune -l keep-monthly -d 'Keep one version of each of the newest N months that have any' -r
complete -c incus-backup-prune -l keep-yearly -d 'Keep one version of each of the newest N years that have any' -r
complete -c incus-backup-prune -l keep-within -d 'Keep everything that is not older than the newest version by more than this: 30d, 1y6m' -r
complete -c incus-backup-prune -l target -d 'Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in `backup.yml` [default: `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]' -r
complete -c incus-backup-prune -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-prune -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-prune -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-prune -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-prune -l force -d 'With rules that keep nothing, such as `--keep-last 0`: remove every version'
complete -c incus-backup-prune -l unlock -d 'Take away the locks of a restic repository whose processes are gone, after asking'
complete -c incus-backup-prune -s n -l dry-run -d 'Show the plan and change nothing'
complete -c incus-backup-prune -s y -l yes -d 'Do not ask'
complete -c incus-backup-prune -l apply -d 'Do not ask: the word of an earlier tool'
complete -c incus-backup-prune -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-prune -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-prune -l debug -d 'Log every request and decision'
complete -c incus-backup-prune -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-prune -s V -l version -d 'Print version'
