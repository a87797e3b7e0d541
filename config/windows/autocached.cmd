@echo off
rem autocached with the Node that lies beside this file.
"%~dp0node.exe" "%~dp0node_modules\autocached\dist\bin\autocached.js" %*
