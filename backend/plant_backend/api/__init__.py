"""HTTP: translating requests for the services, and their answers and errors back."""

API_VERSION = 1
