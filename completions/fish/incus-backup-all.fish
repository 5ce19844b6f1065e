# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_incus_backup_all_global_optspecs
    string join \n q/quiet v/verbose debug log-format= h/help V/version
end

function __fish_incus_backup_all_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_incus_backup_all_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_incus_backup_all_using_subcommand
    set -l cmd (__fish_incus_backup_all_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c incus-backup-all -n "__fish_incus_backup_all_needs_command" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-all -n "__fish_incus_backup_all_needs_command" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-all -n "__fish_incus_backup_all_needs_command" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-all -n "__fish_incus_backup_all_needs_command" -l debug -d 'Log every request and decision'
complete -c incus-backup-all -n "__fish_incus_backup_all_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-all -n "__fish_incus_backup_all_needs_command" -s V -l version -d 'Print version'
complete -c incus-backup-all -n "__fish_incus_backup_all_needs_command" -f -a "create" -d 'Back up everything that a server holds'
complete -c incus-backup-all -n "__fish_incus_backup_all_needs_command" -f -a "backup" -d 'Back up everything that a server holds'
complete -c incus-backup-all -n "__fish_incus_backup_all_needs_command" -f -a "list" -d 'List stored versions of every kind'
complete -c incus-backup-all -n "__fish_incus_backup_all_needs_command" -f -a "ls" -d 'List stored versions of every kind'
complete -c incus-backup-all -n "__fish_incus_backup_all_needs_command" -f -a "restore" -d 'Bring a whole server back, onto an empty one or what is left of it'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand create" -l target -d 'Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in `backup.yml` [default: `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand create" -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand create" -l skip -d 'Leave a kind out: instance, volume, bucket, image or config; may be given several times' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand create" -l compression -d 'How archives are compressed: `zstd`, `zstd:LEVEL` (1 to 19) or `none` [default: the target\'s in `backup.yml`, else zstd:3]' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand create" -l retries -d 'Try again this many times when files change under a live export' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand create" -l parallel -d 'Things at a time [default: 4, or the number of cores if that is smaller]' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand create" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand create" -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand create" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand create" -l unlock -d 'Take away the locks of a restic repository whose processes are gone, after asking'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand create" -l no-snapshot -d 'Export running instances as they are, without a snapshot or copy: the result is inconsistent'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand create" -l force -d 'Allow what is refused by default; each refusal says when this would allow it'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand create" -s n -l dry-run -d 'Show the plan and change nothing'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand create" -s y -l yes -d 'Do not ask'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand create" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand create" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand create" -l debug -d 'Log every request and decision'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand backup" -l target -d 'Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in `backup.yml` [default: `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand backup" -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand backup" -l skip -d 'Leave a kind out: instance, volume, bucket, image or config; may be given several times' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand backup" -l compression -d 'How archives are compressed: `zstd`, `zstd:LEVEL` (1 to 19) or `none` [default: the target\'s in `backup.yml`, else zstd:3]' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand backup" -l retries -d 'Try again this many times when files change under a live export' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand backup" -l parallel -d 'Things at a time [default: 4, or the number of cores if that is smaller]' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand backup" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand backup" -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand backup" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand backup" -l unlock -d 'Take away the locks of a restic repository whose processes are gone, after asking'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand backup" -l no-snapshot -d 'Export running instances as they are, without a snapshot or copy: the result is inconsistent'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand backup" -l force -d 'Allow what is refused by default; each refusal says when this would allow it'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand backup" -s n -l dry-run -d 'Show the plan and change nothing'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand backup" -s y -l yes -d 'Do not ask'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand backup" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand backup" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand backup" -l debug -d 'Log every request and decision'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand backup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand list" -l target -d 'Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in `backup.yml` [default: `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand list" -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand list" -l project -d 'Only this project [default: all]' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand list" -l from -d 'The source: the server whose backups are meant [default: the remote\'s own]' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand list" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand list" -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand list" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand list" -l unlock -d 'Take away the locks of a restic repository whose processes are gone, after asking'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand list" -l all-projects -d 'All projects: what `list` shows anyway'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand list" -s y -l yes -d 'Do not ask whether to go on with an old restic, or to take a lock away'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand list" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand list" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand list" -l debug -d 'Log every request and decision'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand ls" -l target -d 'Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in `backup.yml` [default: `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand ls" -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand ls" -l project -d 'Only this project [default: all]' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand ls" -l from -d 'The source: the server whose backups are meant [default: the remote\'s own]' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand ls" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand ls" -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand ls" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand ls" -l unlock -d 'Take away the locks of a restic repository whose processes are gone, after asking'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand ls" -l all-projects -d 'All projects: what `list` shows anyway'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand ls" -s y -l yes -d 'Do not ask whether to go on with an old restic, or to take a lock away'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand ls" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand ls" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand ls" -l debug -d 'Log every request and decision'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -l target -d 'Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in `backup.yml` [default: `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -l from -d 'The source: the server whose backups are meant [default: the remote\'s own]' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -l as-of -d 'The newest complete versions that are not later than this time, such as 2026-01-31T12:00:00Z' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -l skip -d 'Leave a kind out: instance, volume, bucket, image or config; may be given several times' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -l pool-map -d 'Restore what was in storage pool OLD to storage pool NEW, which is made as OLD was where it is not there' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -l network-map -d 'Put what was on network OLD onto network NEW, which is made as OLD was where it is not there' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -l profile-map -d 'Give what had profile OLD profile NEW, which is made as OLD was where it is not there' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -l project-map -d 'Restore what was in project OLD into project NEW, which is made as OLD was where it is not there' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -l pool-source -d 'The device, data set or folder of storage pool POOL on the new server' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -l parallel -d 'Things at a time [default: 4, or the number of cores if that is smaller]' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -l unlock -d 'Take away the locks of a restic repository whose processes are gone, after asking'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -l replace -d 'Replace what exists and differs: data is imported beside, swapped by name, and the old one deleted last; configuration is changed'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -l skip-existing -d 'Leave what exists as it is, also where it differs'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -l start -d 'Start what was restored'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -l drop-missing-devices -d 'Restore instances without the devices whose network or volume is missing'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -l force -d 'Allow what is refused by default; each refusal says when this would allow it'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -s n -l dry-run -d 'Show the plan and change nothing'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -s y -l yes -d 'Do not ask'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -l debug -d 'Log every request and decision'
complete -c incus-backup-all -n "__fish_incus_backup_all_using_subcommand restore" -s h -l help -d 'Print help (see more with \'--help\')'
