"""The book's machinery: profiles, workspace, runner, plots, command line."""
