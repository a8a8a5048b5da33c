variable "name" {
  description = "What every resource's name begins with."
  type        = string
  default     = "scorpius"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}$", var.name))
    error_message = "A name is 2 to 21 characters, a-z, 0-9 and -, and begins with a letter."
  }
}

variable "architecture" {
  description = "What the functions' binaries are built for."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "The architecture is arm64 or x86_64."
  }
}
