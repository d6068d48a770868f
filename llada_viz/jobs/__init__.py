"""Background jobs: queue, store, processes, evaluations, trainings. No gradio."""
