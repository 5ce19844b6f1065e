complete -c incus-backup-verify -l type -d 'Only this kind: instance, volume, bucket, image or config' -r
complete -c incus-backup-verify -l project -d 'Only this project [default: all]' -r
complete -c incus-backup-verify -l from -d 'The source: the server whose backups are meant [default: the remote\'s own]' -r
complete -c incus-backup-verify -s V -l version -d 'Only this version; without a value, print that of the program' -r
complete -c incus-backup-verify -l older-than -d 'Only what has not been checked so thoroughly for this long: 7d, 36h, 2w' -r
complete -c incus-backup-verify -l level -d 'How thoroughly: quick, full or drill' -r
complete -c incus-backup-verify -l remote -d 'Where copies are drilled [default: the default remote]' -r
complete -c incus-backup-verify -l pool -d 'The pool that copies are restored to [default: the one of the backup]' -r
complete -c incus-backup-verify -l drill-timeout -d 'How long a copy may take to run, and its command to end [default: 300]' -r
complete -c incus-backup-verify -l read-data-subset -d 'Of a restic repository: read so much of its data besides, as `restic check` does: 5%, 1/10, 2G' -r
complete -c incus-backup-verify -l parallel -d 'Versions at a time [default: the number of cores]' -r
complete -c incus-backup-verify -l target -d 'Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in `backup.yml` [default: `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]' -r
complete -c incus-backup-verify -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-verify -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-verify -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-verify -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-verify -l latest -d 'Only the newest version of each'
complete -c incus-backup-verify -l unlock -d 'Take away the locks of a restic repository whose processes are gone, after asking'
complete -c incus-backup-verify -s n -l dry-run -d 'Show the plan and change nothing'
complete -c incus-backup-verify -s y -l yes -d 'Do not ask'
complete -c incus-backup-verify -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-verify -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-verify -l debug -d 'Log every request and decision'
complete -c incus-backup-verify -s h -l help -d 'Print help (see more with \'--help\')'
