"""`python -m deploy` is `khabar`, also where the script is not on the path."""

from deploy.cli import main

main()
