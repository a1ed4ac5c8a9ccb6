"""The way in and out over HTTP: articles are pushed, events streamed and looked up; `app` puts the parts together."""
