"""The command line, a file for each family of commands: options in, exit status out. What a command
does lies in the rooms below."""
