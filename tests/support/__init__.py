"""What tests share: fresh databases, services in this process and as processes, reference calculations."""
