# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_incus_backup_instance_global_optspecs
    string join \n q/quiet v/verbose debug log-format= h/help V/version
end

function __fish_incus_backup_instance_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_incus_backup_instance_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_incus_backup_instance_using_subcommand
    set -l cmd (__fish_incus_backup_instance_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c incus-backup-instance -n "__fish_incus_backup_instance_needs_command" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_needs_command" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_needs_command" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_needs_command" -l debug -d 'Log every request and decision'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_needs_command" -s V -l version -d 'Print version'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_needs_command" -f -a "create" -d 'Back up instances, with their snapshots'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_needs_command" -f -a "backup" -d 'Back up instances, with their snapshots'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_needs_command" -f -a "list" -d 'List stored versions'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_needs_command" -f -a "ls" -d 'List stored versions'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_needs_command" -f -a "show" -d 'Show what is known about a stored version'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_needs_command" -f -a "info" -d 'Show what is known about a stored version'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_needs_command" -f -a "restore" -d 'Bring instances back from their stored versions'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_needs_command" -f -a "delete" -d 'Delete stored versions'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_needs_command" -f -a "rm" -d 'Delete stored versions'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_needs_command" -f -a "files" -d 'Files of a stored version: list them, take them out, put them back, compare'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_needs_command" -f -a "protect" -d 'Protect stored versions: neither `delete` nor `prune` removes them'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_needs_command" -f -a "unprotect" -d 'Let stored versions go that were protected'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand create" -l target -d 'Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in `backup.yml` [default: `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand create" -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand create" -l project -d 'The project [default: the remote\'s, as `incus` finds it]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand create" -l compression -d 'How archives are compressed: `zstd`, `zstd:LEVEL` (1 to 19) or `none` [default: the target\'s in `backup.yml`, else zstd:3]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand create" -l retries -d 'Try again this many times when files change under a live export' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand create" -l stall-timeout -d 'Give an export up when the server sends nothing for this many seconds' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand create" -l parallel -d 'Instances at a time [default: 4, or the number of cores if that is smaller]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand create" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand create" -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand create" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand create" -l unlock -d 'Take away the locks of a restic repository whose processes are gone, after asking'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand create" -l all-projects -d 'All projects'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand create" -l no-snapshot -d 'Export running instances as they are, without a snapshot or copy: the result is inconsistent'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand create" -l optimized -d 'Use the storage driver\'s own format (btrfs, zfs): it restores to the same driver only'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand create" -l with-volumes -d 'Back up the custom volumes that the instances mount as well, of one moment with them: what writes to any of them is paused while all are copied'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand create" -l instance-only -d 'Leave the instances\' snapshots out'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand create" -l force -d 'Allow what is refused by default; each refusal says when this would allow it'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand create" -s n -l dry-run -d 'Show the plan and change nothing'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand create" -s y -l yes -d 'Do not ask'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand create" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand create" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand create" -l debug -d 'Log every request and decision'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand backup" -l target -d 'Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in `backup.yml` [default: `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand backup" -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand backup" -l project -d 'The project [default: the remote\'s, as `incus` finds it]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand backup" -l compression -d 'How archives are compressed: `zstd`, `zstd:LEVEL` (1 to 19) or `none` [default: the target\'s in `backup.yml`, else zstd:3]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand backup" -l retries -d 'Try again this many times when files change under a live export' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand backup" -l stall-timeout -d 'Give an export up when the server sends nothing for this many seconds' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand backup" -l parallel -d 'Instances at a time [default: 4, or the number of cores if that is smaller]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand backup" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand backup" -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand backup" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand backup" -l unlock -d 'Take away the locks of a restic repository whose processes are gone, after asking'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand backup" -l all-projects -d 'All projects'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand backup" -l no-snapshot -d 'Export running instances as they are, without a snapshot or copy: the result is inconsistent'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand backup" -l optimized -d 'Use the storage driver\'s own format (btrfs, zfs): it restores to the same driver only'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand backup" -l with-volumes -d 'Back up the custom volumes that the instances mount as well, of one moment with them: what writes to any of them is paused while all are copied'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand backup" -l instance-only -d 'Leave the instances\' snapshots out'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand backup" -l force -d 'Allow what is refused by default; each refusal says when this would allow it'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand backup" -s n -l dry-run -d 'Show the plan and change nothing'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand backup" -s y -l yes -d 'Do not ask'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand backup" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand backup" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand backup" -l debug -d 'Log every request and decision'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand backup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand list" -l target -d 'Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in `backup.yml` [default: `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand list" -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand list" -l project -d 'Only this project [default: all]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand list" -l from -d 'The source: the server whose backups are meant [default: the remote\'s own]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand list" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand list" -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand list" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand list" -l unlock -d 'Take away the locks of a restic repository whose processes are gone, after asking'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand list" -l all-projects -d 'All projects: what `list` shows anyway'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand list" -s y -l yes -d 'Do not ask whether to go on with an old restic, or to take a lock away'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand list" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand list" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand list" -l debug -d 'Log every request and decision'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand ls" -l target -d 'Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in `backup.yml` [default: `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand ls" -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand ls" -l project -d 'Only this project [default: all]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand ls" -l from -d 'The source: the server whose backups are meant [default: the remote\'s own]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand ls" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand ls" -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand ls" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand ls" -l unlock -d 'Take away the locks of a restic repository whose processes are gone, after asking'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand ls" -l all-projects -d 'All projects: what `list` shows anyway'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand ls" -s y -l yes -d 'Do not ask whether to go on with an old restic, or to take a lock away'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand ls" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand ls" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand ls" -l debug -d 'Log every request and decision'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand show" -l version -d 'The version [default: the newest complete one]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand show" -l project -d 'The project' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand show" -l target -d 'Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in `backup.yml` [default: `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand show" -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand show" -l from -d 'The source: the server whose backups are meant [default: the remote\'s own]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand show" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand show" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand show" -l unlock -d 'Take away the locks of a restic repository whose processes are gone, after asking'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand show" -s y -l yes -d 'Do not ask whether to go on with an old restic, or to take a lock away'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand show" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand show" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand show" -l debug -d 'Log every request and decision'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand info" -l version -d 'The version [default: the newest complete one]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand info" -l project -d 'The project' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand info" -l target -d 'Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in `backup.yml` [default: `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand info" -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand info" -l from -d 'The source: the server whose backups are meant [default: the remote\'s own]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand info" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand info" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand info" -l unlock -d 'Take away the locks of a restic repository whose processes are gone, after asking'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand info" -s y -l yes -d 'Do not ask whether to go on with an old restic, or to take a lock away'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand info" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand info" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand info" -l debug -d 'Log every request and decision'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand info" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -l target -d 'Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in `backup.yml` [default: `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -l project -d 'The project [default: the remote\'s, as `incus` finds it]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -l from -d 'The source: the server whose backups are meant [default: the remote\'s own]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -l version -d 'The version [default: the newest complete one]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -l as-of -d 'The newest complete version that is not later than this time, such as 2026-01-31T12:00:00Z' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -l target-name -d 'Restore under this name, with a new identity (MAC addresses, UUID, cloud-init id)' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -l pool-map -d 'Restore what was in storage pool OLD to storage pool NEW' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -l to-project -d 'Restore everything into this project' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -l project-map -d 'Restore what was in project OLD into project NEW' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -l network-map -d 'Put what was on network OLD onto network NEW' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -l profile-map -d 'Give what had profile OLD profile NEW' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -l parallel -d 'Instances at a time [default: 4, or the number of cores if that is smaller]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -l unlock -d 'Take away the locks of a restic repository whose processes are gone, after asking'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -l all-projects -d 'All projects'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -l replace -d 'Replace instances that exist: imported beside, swapped by name, the old one deleted last'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -l skip-existing -d 'Leave instances that exist as they are'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -l with-volumes -d 'Bring the custom volumes back as well that were stored of the same moment, or by the same run; before the instances'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -l start -d 'Start what was restored'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -l drop-missing-devices -d 'Restore without the devices whose network or volume is missing'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -l with-profiles -d 'Bring back missing profiles as they were saved with the instances; none that exists is changed'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -l force -d 'Allow what is refused by default; each refusal says when this would allow it'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -s n -l dry-run -d 'Show the plan and change nothing'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -s y -l yes -d 'Do not ask'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -l debug -d 'Log every request and decision'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand delete" -l version -d 'The versions to delete' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand delete" -l project -d 'The project' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand delete" -l target -d 'Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in `backup.yml` [default: `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand delete" -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand delete" -l from -d 'The source: the server whose backups are meant [default: the remote\'s own]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand delete" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand delete" -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand delete" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand delete" -l all-versions -d 'Delete every version'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand delete" -l unlock -d 'Take away the locks of a restic repository whose processes are gone, after asking'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand delete" -l force -d 'Allow what is refused by default; each refusal says when this would allow it'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand delete" -s n -l dry-run -d 'Show the plan and change nothing'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand delete" -s y -l yes -d 'Do not ask'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand delete" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand delete" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand delete" -l debug -d 'Log every request and decision'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand rm" -l version -d 'The versions to delete' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand rm" -l project -d 'The project' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand rm" -l target -d 'Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in `backup.yml` [default: `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand rm" -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand rm" -l from -d 'The source: the server whose backups are meant [default: the remote\'s own]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand rm" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand rm" -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand rm" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand rm" -l all-versions -d 'Delete every version'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand rm" -l unlock -d 'Take away the locks of a restic repository whose processes are gone, after asking'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand rm" -l force -d 'Allow what is refused by default; each refusal says when this would allow it'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand rm" -s n -l dry-run -d 'Show the plan and change nothing'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand rm" -s y -l yes -d 'Do not ask'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand rm" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand rm" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand rm" -l debug -d 'Log every request and decision'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand rm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and not __fish_seen_subcommand_from list ls get pull put push diff" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and not __fish_seen_subcommand_from list ls get pull put push diff" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and not __fish_seen_subcommand_from list ls get pull put push diff" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and not __fish_seen_subcommand_from list ls get pull put push diff" -l debug -d 'Log every request and decision'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and not __fish_seen_subcommand_from list ls get pull put push diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and not __fish_seen_subcommand_from list ls get pull put push diff" -f -a "list" -d 'List what a stored version holds'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and not __fish_seen_subcommand_from list ls get pull put push diff" -f -a "ls" -d 'List what a stored version holds'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and not __fish_seen_subcommand_from list ls get pull put push diff" -f -a "get" -d 'Take files out of a stored version'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and not __fish_seen_subcommand_from list ls get pull put push diff" -f -a "pull" -d 'Take files out of a stored version'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and not __fish_seen_subcommand_from list ls get pull put push diff" -f -a "put" -d 'Put files of a stored version back into their instance'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and not __fish_seen_subcommand_from list ls get pull put push diff" -f -a "push" -d 'Put files of a stored version back into their instance'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and not __fish_seen_subcommand_from list ls get pull put push diff" -f -a "diff" -d 'Show which files differ between two stored versions'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from list" -l version -d 'The version [default: the newest complete one]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from list" -l snapshot -d 'Look into this snapshot that the version holds' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from list" -l project -d 'The project' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from list" -l target -d 'Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in `backup.yml` [default: `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from list" -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from list" -l from -d 'The source: the server whose backups are meant [default: the remote\'s own]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from list" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from list" -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from list" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from list" -l unlock -d 'Take away the locks of a restic repository whose processes are gone, after asking'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from list" -s r -l recursive -d 'List everything below as well'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from list" -s y -l yes -d 'Do not ask whether to go on with an old restic, or to take a lock away'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from list" -l debug -d 'Log every request and decision'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from ls" -l version -d 'The version [default: the newest complete one]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from ls" -l snapshot -d 'Look into this snapshot that the version holds' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from ls" -l project -d 'The project' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from ls" -l target -d 'Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in `backup.yml` [default: `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from ls" -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from ls" -l from -d 'The source: the server whose backups are meant [default: the remote\'s own]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from ls" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from ls" -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from ls" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from ls" -l unlock -d 'Take away the locks of a restic repository whose processes are gone, after asking'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from ls" -s r -l recursive -d 'List everything below as well'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from ls" -s y -l yes -d 'Do not ask whether to go on with an old restic, or to take a lock away'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from ls" -l debug -d 'Log every request and decision'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from get" -l version -d 'The version [default: the newest complete one]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from get" -l snapshot -d 'Look into this snapshot that the version holds' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from get" -l project -d 'The project' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from get" -l target -d 'Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in `backup.yml` [default: `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from get" -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from get" -l from -d 'The source: the server whose backups are meant [default: the remote\'s own]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from get" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from get" -l unlock -d 'Take away the locks of a restic repository whose processes are gone, after asking'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from get" -l force -d 'Replace a file that is there already'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from get" -l no-same-owner -d 'Make what is taken out one\'s own, instead of its owner\'s by number'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from get" -s y -l yes -d 'Do not ask whether to go on with an old restic, or to take a lock away'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from get" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from get" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from get" -l debug -d 'Log every request and decision'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from get" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from pull" -l version -d 'The version [default: the newest complete one]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from pull" -l snapshot -d 'Look into this snapshot that the version holds' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from pull" -l project -d 'The project' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from pull" -l target -d 'Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in `backup.yml` [default: `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from pull" -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from pull" -l from -d 'The source: the server whose backups are meant [default: the remote\'s own]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from pull" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from pull" -l unlock -d 'Take away the locks of a restic repository whose processes are gone, after asking'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from pull" -l force -d 'Replace a file that is there already'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from pull" -l no-same-owner -d 'Make what is taken out one\'s own, instead of its owner\'s by number'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from pull" -s y -l yes -d 'Do not ask whether to go on with an old restic, or to take a lock away'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from pull" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from pull" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from pull" -l debug -d 'Log every request and decision'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from pull" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from put" -l version -d 'The version [default: the newest complete one]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from put" -l snapshot -d 'Look into this snapshot that the version holds' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from put" -l project -d 'The project' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from put" -l target -d 'Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in `backup.yml` [default: `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from put" -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from put" -l from -d 'The source: the server whose backups are meant [default: the remote\'s own]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from put" -l target-name -d 'Put them into this instance instead' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from put" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from put" -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from put" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from put" -l unlock -d 'Take away the locks of a restic repository whose processes are gone, after asking'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from put" -s n -l dry-run -d 'Show the plan and change nothing'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from put" -s y -l yes -d 'Do not ask'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from put" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from put" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from put" -l debug -d 'Log every request and decision'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from put" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from push" -l version -d 'The version [default: the newest complete one]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from push" -l snapshot -d 'Look into this snapshot that the version holds' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from push" -l project -d 'The project' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from push" -l target -d 'Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in `backup.yml` [default: `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from push" -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from push" -l from -d 'The source: the server whose backups are meant [default: the remote\'s own]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from push" -l target-name -d 'Put them into this instance instead' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from push" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from push" -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from push" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from push" -l unlock -d 'Take away the locks of a restic repository whose processes are gone, after asking'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from push" -s n -l dry-run -d 'Show the plan and change nothing'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from push" -s y -l yes -d 'Do not ask'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from push" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from push" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from push" -l debug -d 'Log every request and decision'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from push" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from diff" -l version -d 'The version [default: the newest complete one]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from diff" -l snapshot -d 'Look into this snapshot that the version holds' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from diff" -l project -d 'The project' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from diff" -l target -d 'Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in `backup.yml` [default: `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from diff" -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from diff" -l from -d 'The source: the server whose backups are meant [default: the remote\'s own]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from diff" -l with -d 'The later version [default: the newest complete one; the earlier one is then that before it]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from diff" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from diff" -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from diff" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from diff" -l unlock -d 'Take away the locks of a restic repository whose processes are gone, after asking'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from diff" -s y -l yes -d 'Do not ask whether to go on with an old restic, or to take a lock away'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from diff" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from diff" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from diff" -l debug -d 'Log every request and decision'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand files; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand protect" -l version -d 'The versions [default: the newest complete one]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand protect" -l project -d 'The project' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand protect" -l target -d 'Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in `backup.yml` [default: `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand protect" -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand protect" -l from -d 'The source: the server whose backups are meant [default: the remote\'s own]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand protect" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand protect" -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand protect" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand protect" -l all-versions -d 'Every version'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand protect" -l unlock -d 'Take away the locks of a restic repository whose processes are gone, after asking'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand protect" -s n -l dry-run -d 'Show the plan and change nothing'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand protect" -s y -l yes -d 'Do not ask'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand protect" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand protect" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand protect" -l debug -d 'Log every request and decision'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand protect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand unprotect" -l version -d 'The versions [default: the newest complete one]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand unprotect" -l project -d 'The project' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand unprotect" -l target -d 'Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in `backup.yml` [default: `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand unprotect" -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand unprotect" -l from -d 'The source: the server whose backups are meant [default: the remote\'s own]' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand unprotect" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand unprotect" -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand unprotect" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand unprotect" -l all-versions -d 'Every version'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand unprotect" -l unlock -d 'Take away the locks of a restic repository whose processes are gone, after asking'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand unprotect" -s n -l dry-run -d 'Show the plan and change nothing'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand unprotect" -s y -l yes -d 'Do not ask'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand unprotect" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand unprotect" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand unprotect" -l debug -d 'Log every request and decision'
complete -c incus-backup-instance -n "__fish_incus_backup_instance_using_subcommand unprotect" -s h -l help -d 'Print help (see more with \'--help\')'
